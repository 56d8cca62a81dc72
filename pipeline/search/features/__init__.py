"""What is computed for the hits of a page: highlights, explanations, collapsed groups, fetched fields."""
