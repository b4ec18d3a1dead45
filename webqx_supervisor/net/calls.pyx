# The same as calls.py in the words of libc: one buffer for all, no object for an empty answer.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.errno cimport EAGAIN, EINTR, errno


cdef extern from "sys/socket.h" nogil:
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    int MSG_NOSIGNAL

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
