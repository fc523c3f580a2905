"""What the stages share, in rooms named after what they are for. Importing it changes nothing."""
