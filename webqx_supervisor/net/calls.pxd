cpdef bytes receive(int fd, Py_ssize_t size)
cpdef Py_ssize_t send(int fd, data) except -1
cpdef lock(int fd, int place)
cpdef unlock(int fd, int place)
