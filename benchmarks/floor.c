/* The floor: accept N sockets, then for each line on stdin send the same bytes to all of them.
   usage: floor N BYTES; prints its port, then after each round the CPU microseconds it took so far. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static long cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000L + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int count = atoi(argv[1]), size = atoi(argv[2]), yes = 1;
    char *payload = malloc(size);
    int *sockets = malloc(count * sizeof(int));
    memset(payload, 'x', size);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        sockets[i] = accept(listener, NULL, NULL);
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    long start = cpu_us();
    char line[16];
    while (fgets(line, sizeof line, stdin)) {
        for (int i = 0; i < count; i++)
            if (send(sockets[i], payload, size, 0) != size) return 1;
        printf("%ld\n", cpu_us() - start);
        fflush(stdout);
    }
    return 0;
}
