/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In the place of qemu, and confined as it: a program that tries what a qemu would try that
 * a guest has taken over, and says how each act went. The acts are words of the kernel's
 * command line:
 *
 *	captive=ACT[:ARGUMENT]    ──►    captive: ACT[:ARGUMENT]: RESULT
 *
 * RESULT is "done", the text of an errno, or what was found out. Then it ends.
 *
 * Built with CAPTIVE_PRELOADED it is a library, for a program that confines itself. When that
 * begins to read an archive, the acts are tried, which are the words of the variable CAPTIVE.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char found[1024];

/* Each returns -1 with errno, or 0; `found` is the result then if it is not empty. */

static int list_variables(const char *unused)
{
	(void)unused;
	for (char **variable = environ; *variable; variable++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%.*s",
			*found ? " " : "", (int)strcspn(*variable, "="), *variable);
	return 0;
}

static int tell_limit(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return -1;
	snprintf(found, sizeof(found), "%lld %lld", (long long)limit.rlim_cur,
		(long long)limit.rlim_max);
	return 0;
}

static int tell_core(const char *unused)
{
	(void)unused;
	return tell_limit(RLIMIT_CORE);
}

static int tell_file_size(const char *unused)
{
	(void)unused;
	return tell_limit(RLIMIT_FSIZE);
}

static int tell_privileges(const char *unused)
{
	(void)unused;
	snprintf(found, sizeof(found), "%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

/* Those that it has, and those that an exec may give. */
static int tell_capabilities(const char *unused)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	unsigned long long bounding = 0;

	(void)unused;
	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		bounding |= (unsigned long long)prctl(PR_CAPBSET_READ, i, 0, 0, 0) << i;
	snprintf(found, sizeof(found), "%x%08x %llx", data[1].permitted,
		data[0].permitted, bounding);
	return 0;
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int try_read(const char *path)
{
	return try_open(path, O_RDONLY);
}

static int try_write(const char *path)
{
	return try_open(path, O_WRONLY);
}

static int try_create(const char *path)
{
	return try_open(path, O_WRONLY | O_CREAT | O_EXCL);
}

static int try_device(const char *path)
{
	return mknod(path, S_IFCHR | 0600, 0x103);
}

static int try_memory(const char *bytes)
{
	return mmap(NULL, strtoull(bytes, NULL, 10), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		? -1
		: 0;
}

/* It says no more if that works. */
static int try_exec(const char *path)
{
	return execl(path, path, (char *)NULL);
}

static int try_fork(const char *unused)
{
	pid_t pid = fork();

	(void)unused;
	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int try_ptrace(const char *pid)
{
	return ptrace(PTRACE_SEIZE, atoi(pid), 0, 0) < 0 ? -1 : 0;
}

static int try_signal(const char *pid)
{
	return kill(atoi(pid), 0);
}

static int try_connect(int family, const void *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, address, len);
}

static int try_tcp(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return try_connect(AF_INET, &address, sizeof(address));
}

/* A path, or @NAME of an abstract one. */
static int try_unix(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(address.sun_path, name,
		len < sizeof(address.sun_path) ? len : sizeof(address.sun_path) - 1);
	if (*name == '@')
		address.sun_path[0] = '\0';
	return try_connect(AF_UNIX, &address,
		offsetof(struct sockaddr_un, sun_path) + len + (*name != '@'));
}

static int try_namespace(const char *unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER);
}

static int try_ipc(const char *unused)
{
	(void)unused;
	return shmget(IPC_PRIVATE, 4096, 0600) < 0 ? -1 : 0;
}

static void *do_nothing(void *unused)
{
	return unused;
}

/* What qemu needs. */
static int try_thread(const char *unused)
{
	pthread_t thread;

	(void)unused;
	errno = pthread_create(&thread, NULL, do_nothing, NULL);
	if (errno)
		return -1;
	pthread_kill(thread, 0);
	pthread_join(thread, NULL);
	return 0;
}

static int try_code(const char *unused)
{
	(void)unused;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		? -1
		: 0;
}

static const struct {
	const char *name;
	int (*try)(const char *argument);
} acts[] = {
	{"variables", list_variables},
	{"core", tell_core},
	{"file-size", tell_file_size},
	{"privileges", tell_privileges},
	{"capabilities", tell_capabilities},
	{"read", try_read},
	{"write", try_write},
	{"create", try_create},
	{"device", try_device},
	{"memory", try_memory},
	{"exec", try_exec},
	{"fork", try_fork},
	{"ptrace", try_ptrace},
	{"signal", try_signal},
	{"tcp", try_tcp},
	{"unix", try_unix},
	{"namespace", try_namespace},
	{"ipc", try_ipc},
	{"thread", try_thread},
	{"code", try_code},
};

static void try(char *word)
{
	char *argument = strchr(word, ':');
	size_t len = argument ? (size_t)(argument - word) : strlen(word);

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strlen(acts[i].name) != len || strncmp(acts[i].name, word, len) != 0)
			continue;
		found[0] = '\0';
		int result = acts[i].try(argument ? argument + 1 : "");
		fprintf(stderr, "captive: %s: %s\n", word,
			result < 0	 ? strerror(errno)
				: *found ? found
					 : "done");
		return;
	}
	fprintf(stderr, "captive: %s: no such act\n", word);
}

#ifdef CAPTIVE_PRELOADED

struct archive;
struct archive *archive_read_new(void);

/* By then the program has wiped out what it does not need of its environment. */
static char words[4096];

__attribute__((constructor)) static void keep_words(void)
{
	const char *variable = getenv("CAPTIVE");

	snprintf(words, sizeof(words), "%s", variable ? variable : "");
}

struct archive *archive_read_new(void)
{
	struct archive *(*real)(void) = dlsym(RTLD_NEXT, "archive_read_new");
	char *rest = words;

	for (char *word; (word = strsep(&rest, " "));)
		if (*word)
			try(word);
	words[0] = '\0';
	return real();
}

#else

int main(int argc, char **argv)
{
	char *words = NULL;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "-append") == 0)
			words = argv[i + 1];
	for (char *word; (word = strsep(&words, " "));)
		if (strncmp(word, "captive=", 8) == 0)
			try(word + 8);
	return 0;
}

#endif
