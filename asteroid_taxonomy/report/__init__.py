"""The page and the model card: charts, search index, network, templates, scripts."""
