"""What operators see of the fleet as assets: reported by releases and by looking."""
