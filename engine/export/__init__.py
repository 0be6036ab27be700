"""The tuned settings as the production engine's own request.

Reading, from the ground up: ``base`` (what an export is) → ``scale`` (what a leg's score weighs in the engine's units)
→ ``clauses`` (pieces of request bodies) → ``obstacles`` (what several engines cannot express) → one file per target →
``registry``.
"""
