/* The floor: what no server can beat without writing less often. Accepts N WebSockets, then sends each line of stdin, as
   one text frame built once, to all of them by `send()`.
   usage: floor N; prints its port. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

int main(int argc, char **argv) {
    static char line[65536], frame[65540], request[8192];
    if (argc != 2) return 2;
    int count = atoi(argv[1]), yes = 1;
    int *sockets = malloc(count * sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        size_t held = 0;
        sockets[i] = accept(listener, NULL, NULL);
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        while (held < 4 || memcmp(request + held - 4, "\r\n\r\n", 4)) {
            ssize_t got = recv(sockets[i], request + held, sizeof request - held, 0);
            if (got <= 0) return 1;
            held += got;
        }
        if (send(sockets[i], ANSWER, sizeof ANSWER - 1, 0) < 0) return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        size_t size = strcspn(line, "\n"), head = size < 126 ? 2 : 4;
        frame[0] = (char)0x81;
        frame[1] = size < 126 ? size : 126;
        if (head == 4) {
            frame[2] = size >> 8;
            frame[3] = size & 255;
        }
        memcpy(frame + head, line, size);
        for (int i = 0; i < count; i++)
            if (send(sockets[i], frame, head + size, MSG_NOSIGNAL) != (ssize_t)(head + size)) return 1;
    }
    return 0;
}
