"""How one program commands another: the control socket, the link, the fd store."""
