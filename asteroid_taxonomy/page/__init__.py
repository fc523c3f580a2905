"""The page and the model card: charts, their data, the search index, templates."""
