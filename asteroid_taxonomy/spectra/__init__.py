"""Spectra of users: reading files, resampling to Gaia's bands, classifying."""
