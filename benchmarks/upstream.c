/* A scripted provider that costs as little as it can: one thread, epoll, answers made once and sent many times.
 *
 * POST /CHUNKS/PACE_US/... is answered with a chat completion. Where the body asks for a stream, CHUNKS pieces of text
 * come as server-sent events, each in an HTTP chunk of its own: at once where PACE_US is 0, else the first one at once
 * and then one every PACE_US microseconds. Prints its port, serves until its standard input ends, and then prints how
 * many requests it answered and the CPU microseconds that it took.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_FILES 32768
#define EVENT_HEAD "{\"id\":\"chatcmpl-benchmark\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"gpt-oss-120b\",\"choices\":"

struct script { /* a stream of some length, and where its text pieces begin */
    long chunks;
    char *bytes;
    size_t size, opening, piece; /* the head with the first piece of text; one piece */
    struct script *next;
};

struct connection {
    int file;
    char *request;
    size_t room, got;
    const char *out;
    size_t left;
    struct script *paced; /* what is sent piece by piece, and how far it is */
    size_t at;
    long pace_us, due_us;
    struct connection *before, *after; /* in the order of `due_us` */
    int is_waiting;
};

static struct connection *connections[MOST_FILES];
static struct connection *first, *last;
static struct script *scripts;
static char *whole;
static size_t whole_size;
static long answers;
static int epoll;

static long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void *take(void *memory, size_t size) {
    memory = realloc(memory, size);
    if (memory == NULL) {
        perror("memory");
        exit(1);
    }
    return memory;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* ---- answers ---- */

static size_t add_event(char *to, const char *data) {
    size_t size = strlen(data) + 8;
    return (size_t)sprintf(to, "%zx\r\ndata: %s\n\n\r\n", size, data);
}

static struct script *find_script(long chunks) {
    char event[1024];
    struct script *script;
    for (script = scripts; script != NULL; script = script->next)
        if (script->chunks == chunks)
            return script;
    script = take(NULL, sizeof *script);
    script->chunks = chunks;
    script->bytes = take(NULL, 4096 + (size_t)chunks * 320);
    size_t size = (size_t)sprintf(script->bytes,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
        "x-request-id: req_benchmark\r\ntransfer-encoding: chunked\r\n\r\n");
    sprintf(event, EVENT_HEAD "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}");
    size += add_event(script->bytes + size, event);
    for (long number = 0; number < chunks; number++) {
        sprintf(event, EVENT_HEAD "[{\"index\":0,\"delta\":{\"content\":\" tok%02ld\"},\"logprobs\":null,\"finish_reason\":null}]}", number % 100);
        size_t piece = add_event(script->bytes + size, event);
        size += piece;
        if (number == 0) {
            script->opening = size;
            script->piece = piece;
        }
    }
    sprintf(event, EVENT_HEAD "[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
    size += add_event(script->bytes + size, event);
    sprintf(event, EVENT_HEAD "[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%ld,\"total_tokens\":%ld}}", chunks, chunks + 12);
    size += add_event(script->bytes + size, event);
    size += add_event(script->bytes + size, "[DONE]");
    size += (size_t)sprintf(script->bytes + size, "0\r\n\r\n");
    script->size = size;
    script->next = scripts;
    return scripts = script;
}

static void make_whole(void) {
    const char *body =
        "{\"id\":\"chatcmpl-benchmark\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"gpt-oss-120b\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello! How can I help you today? "
        "I can answer questions, write texts, and explain how things work.\",\"refusal\":null},\"logprobs\":null,"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":24,\"total_tokens\":36,"
        "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}},"
        "\"system_fingerprint\":\"fp_benchmark\"}";
    whole = take(NULL, 2048);
    whole_size = (size_t)sprintf(whole,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_benchmark\r\ncontent-length: %zu\r\n\r\n%s",
        strlen(body), body);
}

/* ---- connections ---- */

static void leave_line(struct connection *connection) {
    if (!connection->is_waiting)
        return;
    if (connection->before) connection->before->after = connection->after; else first = connection->after;
    if (connection->after) connection->after->before = connection->before; else last = connection->before;
    connection->is_waiting = 0;
}

static void enter_line(struct connection *connection) {
    struct connection *before = last;
    while (before && before->due_us > connection->due_us)
        before = before->before;
    connection->before = before;
    connection->after = before ? before->after : first;
    if (connection->after) connection->after->before = connection; else last = connection;
    if (before) before->after = connection; else first = connection;
    connection->is_waiting = 1;
}

static void close_connection(struct connection *connection) {
    leave_line(connection);
    connections[connection->file] = NULL;
    close(connection->file);
    free(connection->request);
    free(connection);
}

static void watch(struct connection *connection, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = connection->file};
    epoll_ctl(epoll, EPOLL_CTL_MOD, connection->file, &event);
}

static int send_rest(struct connection *connection, int was_blocked) {
    while (connection->left) {
        ssize_t sent = send(connection->file, connection->out, connection->left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch(connection, EPOLLIN | EPOLLOUT);
            return 1;
        }
        if (sent < 0)
            return 0;
        connection->out += sent;
        connection->left -= (size_t)sent;
    }
    if (was_blocked)
        watch(connection, EPOLLIN);
    return 1;
}

static int send_piece(struct connection *connection) {
    struct script *script = connection->paced;
    size_t size = connection->at ? script->piece : script->opening;
    if (connection->at + size + 64 > script->size || script->size - connection->at < 4 * script->piece)
        size = script->size - connection->at;
    connection->out = script->bytes + connection->at;
    connection->left = size;
    connection->at += size;
    if (connection->at >= script->size) {
        connection->paced = NULL;
    } else {
        connection->due_us = now_us() + connection->pace_us;
        enter_line(connection);
    }
    return send_rest(connection, 0);
}

static int answer(struct connection *connection, const char *body, size_t size) {
    char *rest;
    answers++;
    const char *path = strchr(connection->request, '/');
    long chunks = path ? strtol(path + 1, &rest, 10) : 0;
    long pace_us = path && *rest == '/' ? strtol(rest + 1, NULL, 10) : 0;
    int is_stream = memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14);
    if (!is_stream) {
        connection->out = whole;
        connection->left = whole_size;
        return send_rest(connection, 0);
    }
    struct script *script = find_script(chunks > 0 ? chunks : 1);
    if (pace_us > 0) {
        connection->paced = script;
        connection->at = 0;
        connection->pace_us = pace_us;
        return send_piece(connection);
    }
    connection->out = script->bytes;
    connection->left = script->size;
    return send_rest(connection, 0);
}

static int read_requests(struct connection *connection) {
    for (;;) {
        if (connection->got + 1 >= connection->room)
            connection->request = take(connection->request, connection->room = connection->room ? connection->room * 2 : 4096);
        ssize_t got = recv(connection->file, connection->request + connection->got, connection->room - connection->got - 1, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return 0;
        if (got < 0)
            return 1;
        connection->got += (size_t)got;
        connection->request[connection->got] = 0;
        char *end = strstr(connection->request, "\r\n\r\n");
        if (end == NULL)
            continue;
        char *length = strcasestr(connection->request, "content-length:");
        size_t body = length && length < end ? (size_t)strtol(length + 15, NULL, 10) : 0;
        size_t head = (size_t)(end - connection->request) + 4;
        if (connection->got < head + body)
            continue;
        connection->got = 0; /* no client here sends a second request before the answer to the first */
        if (!answer(connection, connection->request + head, body))
            return 0;
    }
}

static void accept_all(int listener) {
    int file, yes = 1;
    while ((file = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (file >= MOST_FILES) {
            close(file);
            continue;
        }
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct connection *connection = take(NULL, sizeof *connection);
        memset(connection, 0, sizeof *connection);
        connection->file = file;
        connections[file] = connection;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
        epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event);
    }
}

static int send_due(void) {
    long now = now_us();
    while (first && first->due_us <= now) {
        struct connection *connection = first;
        leave_line(connection);
        if (connection->left) { /* its reader is slow: the next piece waits */
            connection->due_us = now + connection->pace_us;
            enter_line(connection);
        } else if (!send_piece(connection)) {
            close_connection(connection);
        }
    }
    return first ? (int)((first->due_us - now) / 1000) + 1 : -1;
}

static int open_listener(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16384))
        fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void add_file(int file) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event))
        fail("epoll_ctl");
}

int main(void) {
    struct epoll_event events[512];
    signal(SIGPIPE, SIG_IGN);
    make_whole();
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        fail("epoll_create1");
    int listener = open_listener();
    add_file(listener);
    add_file(STDIN_FILENO);
    for (;;) {
        int count = epoll_wait(epoll, events, 512, send_due());
        for (int number = 0; number < count; number++) {
            int file = events[number].data.fd;
            if (file == STDIN_FILENO) {
                struct rusage usage;
                getrusage(RUSAGE_SELF, &usage);
                printf("%ld %ld\n", answers,
                    (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
                return 0;
            }
            if (file == listener) {
                accept_all(listener);
                continue;
            }
            struct connection *connection = connections[file];
            if (connection == NULL)
                continue;
            int is_alive = 1;
            if (events[number].events & EPOLLOUT)
                is_alive = send_rest(connection, 1);
            if (is_alive && events[number].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                is_alive = read_requests(connection);
            if (!is_alive)
                close_connection(connection);
        }
    }
}
