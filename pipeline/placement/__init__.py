"""Who serves which partition, agreed on through the log's own group protocol."""
