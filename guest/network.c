/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All addresses are known to the host, so nothing is asked for on the network: no DHCP, no
 * IPv6 autoconfiguration. */
#include "guest/network.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/file.h"

#define CARRIER_MS 1000
#define HOSTS_MAX  (1 << 20)
/* Of a guest in which nothing has made others yet. */
#define INTERFACES_MAX 16

/* By their numbers: a directory of /sys is the slower way in a guest that has just resumed. */
bool network_find(char ret_name[static 16])
{
	struct ifreq request = {0};
	bool found = false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 1; fd >= 0 && i <= INTERFACES_MAX && !found; i++) {
		request.ifr_ifindex = i;
		found = ioctl(fd, SIOCGIFNAME, &request) == 0 &&
			strcmp(request.ifr_name, "lo") != 0;
	}
	if (found)
		strcpy(ret_name, request.ifr_name);
	if (fd >= 0)
		close(fd);
	return found;
}

static int put_address(struct sockaddr *ret, const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, text, &in.sin_addr) != 1)
		return -1;
	memcpy(ret, &in, sizeof(in));
	return 0;
}

static int configure(
	int fd, const char *name, const struct attach_request *r, struct error *err)
{
	struct ifreq request = {0};
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

	strcpy(request.ifr_name, name);
	if (put_address(&request.ifr_addr, r->address) < 0)
		return error_set(err, 0, "'%s' is no address", r->address);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		return error_set(err, errno, "give %s its address", name);
	if (put_address(&request.ifr_netmask, r->netmask) < 0)
		return error_set(err, 0, "'%s' is no netmask", r->netmask);
	if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
		return error_set(err, errno, "give %s its netmask", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_set(err, errno, "bring up %s", name);
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set(err, errno, "bring up %s", name);
	if (!*r->gateway)
		return 0;
	if (put_address(&route.rt_gateway, r->gateway) < 0)
		return error_set(err, 0, "'%s' is no address", r->gateway);
	put_address(&route.rt_dst, "0.0.0.0");
	put_address(&route.rt_genmask, "0.0.0.0");
	/* A copy of a machine that was attached to a network has it already. */
	if (ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST)
		return error_set(err, errno, "add the default route");
	return 0;
}

/* What is sent before is lost, and then the first name is looked up for 5 seconds. The
 * driver asks for the state of the link when it comes up, and does not wait. */
static void wait_for_carrier(const char *name)
{
	int64_t deadline = clock_now_ms() + CARRIER_MS;
	char path[80], carrier[8];

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	while (clock_now_ms() < deadline &&
		(file_read_line(AT_FDCWD, path, carrier, sizeof(carrier)) < 0 ||
			carrier[0] != '1'))
		usleep(500);
}

int network_configure(const char *name, const struct attach_request *r, struct error *err)
{
	char path[80];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_set(err, errno, "open a socket");
	/* A kernel without IPv6 has no such file. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	file_write(AT_FDCWD, path, "1");
	int result = configure(fd, name, r, err);
	close(fd);
	if (result == 0)
		wait_for_carrier(name);
	return result;
}

static int write_file(const char *path, int flags, const char *format, const char *value,
	struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		return error_set(err, errno, "open '%s'", path);
	int n = dprintf(fd, format, value);
	close(fd);
	return n < 0 ? error_set(err, errno, "write '%s'", path) : 0;
}

/* Of the host's endpoints: 10.0.2.100 to 10.0.2.199. */
static bool is_of_endpoint(const char *line)
{
	return strncmp(line, "10.0.2.1", 8) == 0 && isdigit((unsigned char)line[8]) &&
		isdigit((unsigned char)line[9]) && line[10] == ' ';
}

/* A copy of a machine that had endpoints has them in the file; their numbers may be others'
 * now. */
static int drop_endpoints(const char *path, struct error *err)
{
	char *text = file_read_all(path, HOSTS_MAX), *kept = text;
	const char *end;
	int result = 0;

	for (const char *line = text; *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (!is_of_endpoint(line)) {
			memmove(kept, line, end - line);
			kept += end - line;
		}
	}
	if (*kept) {
		*kept = '\0';
		result = write_file(path, O_TRUNC, "%s", text, err);
	}
	free(text);
	return result;
}

int network_write_names(
	const char *root, const struct attach_request *r, struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/etc", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/etc/resolv.conf", root);
	/* It is often a link into /run, to a file of a service that does not run here. */
	unlink(path);
	if (*r->resolver &&
		write_file(path, O_EXCL, "nameserver %s\n", r->resolver, err) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/etc/hosts", root);
	if (drop_endpoints(path, err) < 0)
		return -1;
	return *r->hosts ? write_file(path, O_APPEND, "%s", r->hosts, err) : 0;
}
