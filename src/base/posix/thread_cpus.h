/* Private to base/ and its tests. */
#ifndef ACCEL_BASE_POSIX_THREAD_CPUS_H
#define ACCEL_BASE_POSIX_THREAD_CPUS_H

/* CPUs (rounded up) that the control groups named in `groups` (the text of /proc/self/cgroup) allow, looked up below
 * `root` (/sys/fs/cgroup). A large number when there is no limit. */
int thread_cgroup_cpus(const char *root, const char *groups);

#endif
