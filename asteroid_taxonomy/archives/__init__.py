"""The doors to the published tables: a TAP service, or files."""
