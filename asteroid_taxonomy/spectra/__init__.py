"""Spectra in files that users bring: text, tables, columns, units, resampling."""
