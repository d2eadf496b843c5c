"""What the product does: one public function a file, each one transaction from the question to the answer."""
