"""What machines cost in each period, and how replicas fit into them."""
