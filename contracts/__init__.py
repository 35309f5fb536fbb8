"""What crosses a boundary between organisations: data and pure functions, no IO."""
