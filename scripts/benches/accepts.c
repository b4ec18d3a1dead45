/* The smallest service: it accepts on 127.0.0.1:$PORT, says nothing, and costs next to nothing. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *port = getenv("PORT");
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons(port ? atoi(port) : 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128))
        return 1;
    for (;;)
        close(accept(listener, NULL, NULL));
}
