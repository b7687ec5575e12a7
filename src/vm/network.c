/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/quantity.h"
#include "base/strbuf.h"

/* What qemu's user network has by default. */
#define GUEST_ADDRESS "10.0.2.15"
#define NETMASK	      "255.255.255.0"
#define GATEWAY	      "10.0.2.2"
#define RESOLVER      "10.0.2.3"
/* The last byte of the first endpoint's address. */
#define FIRST_ENDPOINT 100

static bool parse_port(const char *text, uint16_t *ret)
{
	uint64_t port;

	if (!quantity_parse_number(text, 1, UINT16_MAX, &port))
		return false;
	*ret = port;
	return true;
}

int vm_network_add_forward(struct vm_network *n, const char *text, struct error *err)
{
	struct vm_forward forward = {.address = "127.0.0.1"};
	CLEANUP_FREE char *copy = xstrdup(text);
	struct in_addr address;

	char *slash = strrchr(copy, '/');
	if (slash) {
		*slash = '\0';
		forward.udp = strcmp(slash + 1, "udp") == 0;
		if (!forward.udp && strcmp(slash + 1, "tcp") != 0)
			return error_set(err, 0,
				"forward '%s': the protocol is tcp or udp, not '%s'",
				text, slash + 1);
	}
	char *guest = strrchr(copy, ':');
	if (!guest)
		return error_set(err, 0,
			"forward '%s': it is written as PORT:PORT, the host's and the "
			"guest's",
			text);
	*guest++ = '\0';
	char *host = strrchr(copy, ':');
	if (host) {
		*host++ = '\0';
		if (strlen(copy) >= sizeof(forward.address) ||
			inet_pton(AF_INET, copy, &address) != 1)
			return error_set(err, 0,
				"forward '%s': '%s' is not an IPv4 address of this host",
				text, copy);
		strcpy(forward.address, copy);
	} else {
		host = copy;
	}
	if (!parse_port(host, &forward.host_port) ||
		!parse_port(guest, &forward.guest_port))
		return error_set(err, 0, "forward '%s': ports are from 1 to 65535", text);
	vector_push(&n->forwards, forward);
	return 0;
}

/* As a name goes into /etc/hosts and into a command line. */
static bool is_host_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < 254 && name[0] != '-' && name[0] != '.' &&
		strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789.-_") == len;
}

int vm_network_add_endpoint(struct vm_network *n, const char *text, struct error *err)
{
	CLEANUP_FREE char *name = xstrdup(text);
	struct in_addr address;
	uint16_t port;

	char *colon = strrchr(name, ':');
	if (!colon)
		return error_set(err, 0, "reach '%s': it is written as HOST:PORT", text);
	*colon = '\0';
	if (!is_host_name(name))
		return error_set(
			err, 0, "reach '%s': '%s' is not the name of a host", text, name);
	if (inet_pton(AF_INET, name, &address) == 1)
		return error_set(err, 0,
			"reach '%s': the guest knows it by its name only, so give it one: a "
			"name in DNS, or in this host's /etc/hosts",
			text);
	if (!parse_port(colon + 1, &port))
		return error_set(err, 0, "reach '%s': ports are from 1 to 65535", text);
	if (n->endpoints.len == VM_MAX_ENDPOINTS)
		return error_set(err, 0, "reach '%s': a VM has at most %d of these", text,
			VM_MAX_ENDPOINTS);
	struct vm_endpoint endpoint = {TAKE_PTR(name), port};
	vector_push(&n->endpoints, endpoint);
	return 0;
}

bool vm_network_is_wanted(const struct vm_network *n)
{
	return n->internet || n->forwards.len || n->endpoints.len;
}

static int check_forward(const struct vm_forward *f, struct error *err)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(f->host_port)};
	CLEANUP_CLOSE int fd =
		socket(AF_INET, (f->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int one = 1;

	inet_pton(AF_INET, f->address, &address.sin_addr);
	if (fd < 0)
		return 0;
	/* As qemu does: a connection that has just ended does not hold the port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "forward port %u of %s to the guest",
			f->host_port, f->address);
	return 0;
}

int vm_network_check(const struct vm_network *n, struct error *err)
{
	if (n->internet && n->endpoints.len)
		return error_set(err, 0,
			"reach '%s:%u' and nothing else, and use the network as this user "
			"can: the one excludes the other (--reach, --net)",
			n->endpoints.items[0].host, n->endpoints.items[0].port);
	vector_foreach (forward, &n->forwards)
		if (check_forward(forward, err) < 0)
			return -1;
	return 0;
}

/* For g_shell_parse_argv(), which takes what is between apostrophes as it is; and each
 * comma twice, for qemu's options. */
static void add_quoted(struct strbuf *sb, const char *word)
{
	strbuf_adds(sb, "'");
	for (; *word; word++)
		if (*word == '\'')
			strbuf_adds(sb, "'\\''");
		else if (*word == ',')
			strbuf_adds(sb, ",,");
		else
			strbuf_add(sb, word, 1);
	strbuf_adds(sb, "'");
}

/* The endpoints that have one name share an address, which is the first one's. */
static size_t address_of(const struct vm_network *n, size_t i)
{
	for (size_t first = 0; first < i; first++)
		if (strcasecmp(n->endpoints.items[first].host,
			    n->endpoints.items[i].host) == 0)
			return first;
	return i;
}

char *vm_network_backend(const struct vm_network *n, const char *reach_program)
{
	struct strbuf sb = {0};

	strbuf_addf(&sb, "user,ipv6=off,restrict=%s", n->internet ? "off" : "on");
	vector_foreach (f, &n->forwards)
		strbuf_addf(&sb, ",hostfwd=%s:%s:%u-" GUEST_ADDRESS ":%u",
			f->udp ? "udp" : "tcp", f->address, f->host_port, f->guest_port);
	for (size_t i = 0; i < n->endpoints.len; i++) {
		const struct vm_endpoint *e = &n->endpoints.items[i];
		strbuf_addf(&sb, ",guestfwd=tcp:10.0.2.%zu:%u-cmd:",
			FIRST_ENDPOINT + address_of(n, i), e->port);
		add_quoted(&sb, reach_program);
		strbuf_adds(&sb, " ");
		add_quoted(&sb, e->host);
		strbuf_addf(&sb, " %u", e->port);
	}
	return strbuf_detach(&sb);
}

struct agent_network vm_network_for_guest(const struct vm_network *n, char **ret_hosts)
{
	struct strbuf hosts = {0};

	for (size_t i = 0; i < n->endpoints.len; i++)
		if (address_of(n, i) == i)
			strbuf_addf(&hosts, "10.0.2.%zu %s\n", FIRST_ENDPOINT + i,
				n->endpoints.items[i].host);
	*ret_hosts = strbuf_detach(&hosts);
	return (struct agent_network){
		.address = GUEST_ADDRESS,
		.netmask = NETMASK,
		.gateway = n->internet ? GATEWAY : "",
		.resolver = n->internet ? RESOLVER : "",
		.hosts = *ret_hosts,
	};
}

void vm_network_done(struct vm_network *n)
{
	vector_foreach (endpoint, &n->endpoints)
		free(endpoint->host);
	vector_done(&n->endpoints);
	vector_done(&n->forwards);
}
