"""Progress, events, threads, extras: what every stage uses and no stage owns."""
