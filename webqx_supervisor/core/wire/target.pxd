cpdef tuple parse_target(bytes method, bytes target)
cpdef str routing_path(bytes raw)
