"""The steps of ``sie adjust``: what drifted, what is judged, whether to use it, what is served."""
