"""Papers beside the passport: files people send, what each paper must be, how likely a face is somebody's."""
