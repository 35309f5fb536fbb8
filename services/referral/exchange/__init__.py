"""What passes between the agencies: the broker port with its two sides, what we send, what we receive."""
