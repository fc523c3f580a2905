"""Spectra of users: reading files of any kind, resampling to Gaia's bands, classifying, plotting."""
