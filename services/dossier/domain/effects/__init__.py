"""What each family of events makes of the state."""
