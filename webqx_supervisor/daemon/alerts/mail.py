"""Send a message by mail, in a thread. Some 2 MB that only who wants mail pays for."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from webqx_supervisor.core.alerting.forms import Message
from webqx_supervisor.model.alerts import Receiver, Security, Smtp

TIME_LIMIT = 30.0
"""s for each step of the talk with the server."""
FAULTS = (OSError, smtplib.SMTPException, ValueError)
"""What may go wrong."""


def send(receiver: Receiver, password: str, message: Message) -> None:
    """Have the server of a receiver take a letter. Raises one of FAULTS."""
    smtp = receiver.smtp
    with _connect(smtp) as server:
        if smtp.user:
            server.login(smtp.user, password)
        server.send_message(_letter(receiver, message))


def _connect(smtp: Smtp) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if smtp.security is Security.TLS:
        return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIME_LIMIT, context=context)
    server = smtplib.SMTP(smtp.host, smtp.port, timeout=TIME_LIMIT)
    if smtp.security is Security.STARTTLS:
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _letter(receiver: Receiver, message: Message) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = message.title
    letter["From"] = receiver.smtp.sender
    letter["To"] = receiver.place
    letter["Date"] = formatdate()
    letter["Message-ID"] = make_msgid(domain="webqx-sv.invalid")
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in answer
    letter.set_content(message.text)
    return letter
