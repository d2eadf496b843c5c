"""What has been counted, in both portals: figures and charts, with the numbers beside them."""
