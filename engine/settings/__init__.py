"""Typed settings: schema, ranges, loading with provenance, saving in place."""
