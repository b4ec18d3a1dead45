import os
import socket

from webqx_supervisor.process.notify import NotifySocket


def send(address, text, fds=()):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:] if address[0] == "@" else address)
        socket.send_fds(sender, [text], fds)


async def test_a_message_comes_with_its_sender_and_its_descriptors():
    notify = NotifySocket.open()
    assert notify.receive() is None
    reading, writing = os.pipe()
    send(notify.address, b"BARRIER=1", [writing])
    os.close(writing)
    await notify.wait()
    datagram = notify.receive()
    assert (datagram.text, datagram.sender) == (b"BARRIER=1", os.getpid())
    (copy,) = datagram.fds
    assert not os.get_inheritable(copy)
    os.close(copy)
    assert os.read(reading, 1) == b""
    os.close(reading)
    notify.close()


async def test_what_was_sent_waits_for_whoever_takes_the_socket_over():
    first = NotifySocket.open()
    address = first.address
    second = NotifySocket.at(os.dup(first.fileno()))
    first.close()
    send(address, b"READY=1")
    assert second.address == address
    assert second.receive().text == b"READY=1"
    second.close()
