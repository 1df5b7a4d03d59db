"""What the hub tells about itself: logs, figures, crashes. Knows settings and the domain alone."""
