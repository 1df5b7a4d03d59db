/* The viewers: N WebSockets in one process, which read, check the order and time every message.

   usage: load PORT REQUEST_FILE SCRIPT_FILE
   REQUEST_FILE  the upgrade request, as sent
   SCRIPT_FILE   a line per kind of viewer (viewer i speaks line i modulo lines): what to send TAB what to wait for TAB ...
   A message carries ~SSSSSSSS.TTTTTTTTTTTTTTTT~ (hex: its number in the run from 1, CLOCK_MONOTONIC when published).

   On stdin, a line each; each is answered by a line:
   open N AT_ONCE  -> "opened SECONDS FAILED" when all have said and heard their lines
   reset           -> "ok"; the next message is number 1
   stats           -> "stats MESSAGES BYTES DISORDERS LOST P50 P99 MAX" (microseconds from publishing to here)
   close           -> "closed"
   Unasked: "got S" when message S has reached everybody. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, STEPS = 8, RING = 1 << 12, BUCKET_US = 10, BUCKETS = 1 << 20, ADDRESSES = 64, RETRY_MS = 200 };
enum state { CONNECTING, UPGRADING, TALKING, READY, DEAD };

struct line { char *send[STEPS], *wait[STEPS]; int steps; };
struct viewer { int fd; enum state state; int step; int is_waiting; uint32_t last; char *carry; int carried; };

static struct viewer *viewers;
static struct line *lines;
static int line_count, wanted, started, ready, failed, at_once, poller, port;
static char request[8192];
static int request_size;
static char *buffer;
static uint32_t arrived[RING], *histogram;
static uint64_t messages, bytes, disorders, lost, slowest_us;
static double open_at;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void write_frame(struct viewer *viewer, int opcode, const char *text, int size) {
    char frame[16384];
    int head = 2;
    if (size > 16000) exit(3);
    frame[0] = 0x80 | opcode;
    if (size < 126) {
        frame[1] = 0x80 | size;
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = size >> 8;
        frame[3] = size & 255;
        head = 4;
    }
    memset(frame + head, 0, 4); /* a mask of zeros leaves the text as it is */
    memcpy(frame + head + 4, text, size);
    if (send(viewer->fd, frame, head + 4 + size, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) fail("send");
}

static void start_some(void);

static void settle(void) { /* one more viewer is ready or has failed */
    if (ready + failed == wanted) {
        printf("opened %.6f %d\n", (now_ns() - open_at) / 1e9, failed);
        fflush(stdout);
    }
    start_some();
}

static void drop(struct viewer *viewer) {
    if (viewer->state == DEAD) return;
    int was_ready = viewer->state == READY;
    viewer->state = DEAD;
    close(viewer->fd);
    free(viewer->carry);
    viewer->carry = NULL;
    viewer->carried = 0;
    if (was_ready) {
        lost++;
    } else {
        failed++;
        settle();
    }
}

static void speak(struct viewer *viewer) { /* the line's step, or the end of the line */
    struct line *line = &lines[(viewer - viewers) % line_count];
    if (viewer->step == line->steps) {
        viewer->state = READY;
        ready++;
        settle();
        return;
    }
    char *text = line->send[viewer->step];
    if (*text) write_frame(viewer, 1, text, strlen(text));
}

static void start_some(void) {
    while (started < wanted && started - ready - failed < at_once) {
        struct viewer *viewer = &viewers[started];
        int yes = 1;
        memset(viewer, 0, sizeof *viewer);
        viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (viewer->fd < 0) fail("socket");
        setsockopt(viewer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        setsockopt(viewer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000101 + started % ADDRESSES)};
        struct sockaddr_in there = {
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (bind(viewer->fd, (struct sockaddr *)&here, sizeof here)) fail("bind");
        if (connect(viewer->fd, (struct sockaddr *)&there, sizeof there) && errno != EINPROGRESS) fail("connect");
        struct epoll_event event = {.events = EPOLLOUT, .data.ptr = viewer};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, viewer->fd, &event)) fail("epoll_ctl");
        started++;
    }
}

static int hex(const char *at, int digits, uint64_t *value) {
    *value = 0;
    for (int i = 0; i < digits; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return 0;
        *value = *value << 4 | digit;
    }
    return 1;
}

static void count(struct viewer *viewer, const char *text, size_t size, uint64_t now) {
    const char *end = text + size, *at = text;
    while ((at = memchr(at, '~', end - at)) && at + 27 <= end) {
        uint64_t number, published;
        if (at[9] != '.' || at[26] != '~' || !hex(at + 1, 8, &number) || !hex(at + 10, 16, &published)) {
            at++;
            continue;
        }
        at += 27;
        messages++;
        if (number != viewer->last + 1) disorders++;
        viewer->last = number;
        uint64_t us = now > published ? (now - published) / 1000 : 0;
        if (us > slowest_us) slowest_us = us;
        histogram[us / BUCKET_US < BUCKETS ? us / BUCKET_US : BUCKETS - 1]++;
        if (++arrived[number % RING] == (uint32_t)ready) {
            arrived[number % RING] = 0;
            printf("got %llu\n", (unsigned long long)number);
            fflush(stdout);
        }
    }
}

static void on_frame(struct viewer *viewer, int opcode, char *text, size_t size, uint64_t now) {
    if (opcode == 8) {
        drop(viewer);
    } else if (opcode == 9) {
        write_frame(viewer, 10, text, size);
    } else if (opcode == 1 && size <= 3 && !strncmp(text, "{}", 2)) { /* the ping of the hub */
        write_frame(viewer, 1, "{}", 2);
    } else if (opcode == 1 && size == 1 && *text == '2') { /* and of Engine.IO */
        write_frame(viewer, 1, "3", 1);
    } else if (viewer->state == READY) {
        if (memmem(text, size, "\"unsubscribe\":", 14)) {
            fprintf(stderr, "sent away: %.*s\n", (int)(size < 200 ? size : 200), text);
            lost++;
        }
        count(viewer, text, size, now);
    } else {
        struct line *line = &lines[(viewer - viewers) % line_count];
        char *wait = line->wait[viewer->step];
        if (memmem(text, size, wait, strlen(wait))) {
            viewer->step++;
            speak(viewer);
        } else if (memmem(text, size, "\"temporary\":true", 16)) {
            viewer->is_waiting = 1; /* asked for patience */
        } else {
            fprintf(stderr, "unexpected: %.*s\n", (int)(size < 200 ? size : 200), text);
            drop(viewer);
        }
    }
}

static void on_bytes(struct viewer *viewer) {
    if (viewer->carried) memcpy(buffer, viewer->carry, viewer->carried);
    ssize_t got = recv(viewer->fd, buffer + viewer->carried, BUFFER - viewer->carried, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        drop(viewer);
        return;
    }
    uint64_t now = now_ns();
    bytes += got;
    char *at = buffer, *end = buffer + viewer->carried + got;
    if (viewer->state == UPGRADING) {
        char *body = memmem(at, end - at, "\r\n\r\n", 4);
        if (body) {
            if (end - at < 12 || memcmp(at, "HTTP/1.1 101", 12)) {
                fprintf(stderr, "refused: %.60s\n", at);
                drop(viewer);
                return;
            }
            at = body + 4;
            viewer->state = TALKING;
            speak(viewer);
        }
    }
    while (viewer->state > UPGRADING && viewer->state < DEAD && end - at >= 2) {
        unsigned char *head = (unsigned char *)at;
        uint64_t size = head[1] & 127;
        int skip = 2;
        if (size == 126) {
            if (end - at < 4) break;
            size = head[2] << 8 | head[3];
            skip = 4;
        } else if (size == 127) {
            if (end - at < 10) break;
            size = 0;
            for (int i = 2; i < 10; i++) size = size << 8 | head[i];
            skip = 10;
        }
        if (size + skip > BUFFER) exit(3);
        if ((uint64_t)(end - at) < size + skip) break;
        on_frame(viewer, head[0] & 15, at + skip, size, now);
        at += skip + size;
    }
    if (viewer->state == DEAD) return;
    free(viewer->carry);
    viewer->carry = NULL;
    if ((viewer->carried = end - at)) {
        viewer->carry = malloc(viewer->carried);
        memcpy(viewer->carry, at, viewer->carried);
    }
}

static void on_viewer(struct viewer *viewer) {
    if (viewer->state == DEAD) return;
    if (viewer->state != CONNECTING) {
        on_bytes(viewer);
        return;
    }
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(viewer->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error || send(viewer->fd, request, request_size, MSG_NOSIGNAL) != request_size) {
        drop(viewer);
        return;
    }
    viewer->state = UPGRADING;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = viewer};
    epoll_ctl(poller, EPOLL_CTL_MOD, viewer->fd, &event);
}

static uint64_t quantile_us(double share) {
    uint64_t target = messages * share, seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram[i]) > target) return (uint64_t)i * BUCKET_US;
    return slowest_us;
}

static void on_command(char *line) {
    int a, b;
    if (sscanf(line, "open %d %d", &a, &b) == 2) {
        free(viewers);
        viewers = calloc(a, sizeof *viewers);
        wanted = a;
        at_once = b;
        started = ready = failed = 0;
        open_at = now_ns();
        start_some();
        return;
    }
    if (!strncmp(line, "reset", 5)) {
        memset(arrived, 0, sizeof arrived);
        memset(histogram, 0, BUCKETS * sizeof *histogram);
        messages = bytes = disorders = slowest_us = 0;
        for (int i = 0; i < started; i++) viewers[i].last = 0;
        puts("ok");
    } else if (!strncmp(line, "stats", 5)) {
        printf("stats %llu %llu %llu %llu %llu %llu %llu\n", (unsigned long long)messages, (unsigned long long)bytes,
               (unsigned long long)disorders, (unsigned long long)lost, (unsigned long long)quantile_us(0.5),
               (unsigned long long)quantile_us(0.99), (unsigned long long)slowest_us);
    } else if (!strncmp(line, "close", 5)) {
        for (int i = 0; i < started; i++) {
            if (viewers[i].state == DEAD) continue;
            viewers[i].state = DEAD;
            close(viewers[i].fd);
            free(viewers[i].carry);
        }
        started = ready = failed = wanted = 0;
        lost = 0;
        puts("closed");
    }
    fflush(stdout);
}

static void on_stdin(void) {
    static char text[4096];
    static int held;
    ssize_t got = read(0, text + held, sizeof text - held - 1);
    if (got <= 0) exit(0);
    held += got;
    text[held] = 0;
    char *line = text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        on_command(line);
        line = end + 1;
    }
    held -= line - text;
    memmove(text, line, held);
}

static void resend(void) { /* to those that asked for patience */
    static uint64_t at;
    uint64_t now = now_ns();
    if (now - at < RETRY_MS * 1000000ull) return;
    at = now;
    for (int i = 0; i < started; i++)
        if (viewers[i].is_waiting) {
            viewers[i].is_waiting = 0;
            if (viewers[i].state == TALKING) speak(&viewers[i]);
        }
}

static void read_script(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;
    if (!file) fail(path);
    while (getline(&text, &room, file) > 0) {
        lines = realloc(lines, (line_count + 1) * sizeof *lines);
        struct line *line = &lines[line_count++];
        line->steps = 0;
        text[strcspn(text, "\n")] = 0;
        char *rest = strdup(text), *part;
        while (line->steps < STEPS && (part = strsep(&rest, "\t")) && rest) {
            line->send[line->steps] = part;
            line->wait[line->steps++] = strsep(&rest, "\t");
        }
    }
    fclose(file);
    free(text);
    if (!line_count) {
        lines = calloc(1, sizeof *lines);
        line_count = 1;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    port = atoi(argv[1]);
    FILE *file = fopen(argv[2], "r");
    if (!file) fail(argv[2]);
    request_size = fread(request, 1, sizeof request, file);
    fclose(file);
    read_script(argv[3]);
    buffer = malloc(BUFFER);
    histogram = calloc(BUCKETS, sizeof *histogram);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[512], event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        int count = epoll_wait(poller, events, 512, RETRY_MS);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        int is_told = 0;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) on_viewer(events[i].data.ptr);
            else is_told = 1;
        }
        if (is_told) on_stdin(); /* last: `open` and `close` invalidate what the other events point to */
        if (started > ready) resend();
    }
}
