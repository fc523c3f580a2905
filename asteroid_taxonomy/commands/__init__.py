"""What is typed by hand: `asteroid-taxonomy`, or `python -m asteroid_taxonomy`, lists them."""
