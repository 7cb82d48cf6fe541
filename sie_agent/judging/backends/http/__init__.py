"""OpenAI-compatible servers over HTTP: asked in the form that they take, read whatever they answer."""
