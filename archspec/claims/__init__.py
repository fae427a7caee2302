"""What the literature claims about residual networks, and the commands that show whether it is so."""
