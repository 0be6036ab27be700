"""A search as a Python program: the elasticsearch client, or httpx for OpenSearch. Keys are environment variables.

The program embeds the query by the settings' embedder, asks each leg for its greatest score where the fusion scales by
it, and prints the results.
"""

from __future__ import annotations

import json

from engine.export import access, render
from engine.export.base import Export, Wish
from engine.export.clauses import Dialect
from engine.export.scale import BY_TOPS
from engine.settings.schema import DenseLeg, StoreSettings

_ELASTICSEARCH = '''\
from elastic_transport import HttpHeaders, Urllib3HttpNode
from elasticsearch import Elasticsearch


class PlainNode(Urllib3HttpNode):
    """Plain JSON headers: one client then speaks to Elasticsearch 8 and 9 alike."""

    def perform_request(self, method, target, body=None, headers=None, **more):
        kind = "application/json"
        plain = HttpHeaders({{**(headers or {{}}), "accept": kind, "content-type": kind}})
        return super().perform_request(method, target, body, plain, **more)


client = Elasticsearch({address}, node_class=PlainNode{options})


def ask(body: dict) -> dict:
    """One search."""
    return client.search(index={index}, body=body).body
'''

_HTTPX = '''\
import httpx

client = httpx.Client(base_url={address}, timeout=60{options})


def ask(body: dict) -> dict:
    """One search."""
    answer = client.post({path}, json=body)
    answer.raise_for_status()
    return answer.json()
'''

_EMBED = '''\
def embed(name: str, text: str) -> list[float]:
    """The query's vector; any other way to the same vectors will do."""
    from engine.embedders.once import embed_query

    return embed_query(name, text)
'''

_MAIN = """\
if __name__ == "__main__":
    for rank, hit in enumerate(search(" ".join(sys.argv[1:]) or {query})["hits"]["hits"], 1):
        print(rank, hit["_id"], hit["_score"])
"""


def text(export: Export, wish: Wish, dialect: Dialect) -> str:
    """The program; ``wish`` is that of the export, with ``program``."""
    store = export.settings.store
    now = wish.with_settings(export.settings)
    head = [f'"""{export.form.label} on {dialect.name}: {export.form.summary}."""', "", *_imports(store, dialect.name)]
    client = _HTTPX if dialect.name == "opensearch" else _ELASTICSEARCH
    asked = client.format(
        address=json.dumps(access.address(store)),
        path=json.dumps(export.search.path),
        index=json.dumps(now.index),
        options=_options(store, dialect.name),
    )
    query = wish.given.query.text if wish.given else "a query"
    parts = ["\n".join(head) + "\n\n" + asked]
    if any(isinstance(leg, DenseLeg) for leg in now.active().values()):
        parts.append(_EMBED)
    return "\n\n".join([*parts, *_search(export, now, dialect), _MAIN.format(query=json.dumps(query))])


def _imports(store: StoreSettings, engine: str) -> list[str]:
    return ["import os", "import sys"] if access.signing_in(store, engine)[0] else ["import sys"]


def _options(store: StoreSettings, engine: str) -> str:
    """The client's further arguments."""
    way, user, name = access.signing_in(store, engine)
    key = f'os.environ["{name}"]'
    found = {
        "elasticsearch": {
            "api_key": f"api_key={key}",
            "bearer": f"bearer_auth={key}",
            "basic": f"basic_auth=({json.dumps(user)}, {key})",
        },
        "opensearch": {
            "api_key": f'headers={{"Authorization": "ApiKey " + {key}}}',
            "bearer": f'headers={{"Authorization": "Bearer " + {key}}}',
            "basic": f"auth=({json.dumps(user)}, {key})",
        },
    }[engine].get(way, "")
    trust = {"elasticsearch": "ca_certs", "opensearch": "verify"}[engine]
    ca = f"{trust}={json.dumps(store.ca_file)}" if store.ca_file else ""
    return "".join(f", {each}" for each in (found, ca) if each)


def _search(export: Export, wish: Wish, dialect: Dialect) -> list[str]:
    """The functions that make and send the bodies."""
    dense = [leg.embedder for leg in wish.active().values() if isinstance(leg, DenseLeg)]
    lines = ["def search(query: str) -> dict:", '    """The engine\'s answer to the query, best first."""']
    if dense:
        each = ", ".join(f"{json.dumps(name)}: embed({json.dumps(name)}, query)" for name in dict.fromkeys(dense))
        lines.append(f"    vectors = {{{each}}}")
    scaled = len(wish.active()) > 1 or bool(wish.features)
    if export.form.name == "bool" and scaled and wish.settings.fusion.normalizer in BY_TOPS:
        legs = {name: dialect.clause(wish, name) for name in wish.active()}
        lines += [
            f"    legs = {render.as_python(legs, 4)}",
            "    # the greatest score of each leg is 1 on the common scale",
            '    tops = {name: ask({"query": leg, "size": 1, "_source": False}) for name, leg in legs.items()}',
            '    greatest = {name: top["hits"]["max_score"] or 1.0 for name, top in tops.items()}',
        ]
    lines.append(f"    return ask({render.as_python(export.body, 4)})")
    return ["\n".join(lines) + "\n"]
