# The same as calls.py in the words of libc: one buffer for all, no object for an empty answer.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.errno cimport EAGAIN, EINTR, errno


cdef extern from "sys/socket.h" nogil:
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    int MSG_NOSIGNAL

cdef extern from "fcntl.h" nogil:
    cdef struct c_flock "flock":
        short l_type
        short l_whence
        long long l_start
        long long l_len
    int c_fcntl "fcntl"(int fd, int command, c_flock *about)
    int F_SETLKW, F_WRLCK, F_UNLCK

cdef extern from "stdio.h" nogil:
    int SEEK_SET

cdef char room[64 * 1024]


cpdef bytes receive(int fd, Py_ssize_t size):
    cdef ssize_t count
    if size > <Py_ssize_t>sizeof(room):
        size = sizeof(room)
    while True:
        count = c_recv(fd, room, size, 0)
        if count >= 0:
            return PyBytes_FromStringAndSize(room, count)
        if errno == EAGAIN:
            return None
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
        PyErr_CheckSignals()


cpdef Py_ssize_t send(int fd, data) except -1:
    cdef Py_buffer view
    cdef ssize_t count
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        while True:
            count = c_send(fd, view.buf, view.len, MSG_NOSIGNAL)
            if count >= 0:
                return count
            if errno == EAGAIN:
                return 0
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
    finally:
        PyBuffer_Release(&view)


cpdef lock(int fd, int place):
    set_lock(fd, place, F_WRLCK)


cpdef unlock(int fd, int place):
    set_lock(fd, place, F_UNLCK)


cdef int set_lock(int fd, int place, short kind) except -1:
    cdef c_flock about
    about.l_type, about.l_whence, about.l_start, about.l_len = kind, SEEK_SET, place, 1
    while c_fcntl(fd, F_SETLKW, &about) < 0:
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
        PyErr_CheckSignals()
    return 0
