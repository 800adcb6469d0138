/* A module for ipmi_sim: DCMI 1.5 Get Power Reading (section 6.6.1), which ipmi_sim does not have.
 *
 *   loadlib "dcmi_sim.so" "FILE"      in the configuration; FILE holds: watts minimum maximum average active
 *   cc -shared -fPIC -o dcmi_sim.so dcmi_sim.c      (headers: Debian's libopenipmi-dev)
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

#define DCMI 0xdc
#define GET_POWER_READING 0x02
#define SYSTEM_POWER 0x01
#define INVALID_COMMAND 0xc1
#define TOO_SHORT 0xc7
#define PARAMETER_OUT_OF_RANGE 0xc9

static char path[4096];

static unsigned char *put16(unsigned char *to, unsigned int value) {
	*to++ = value & 0xff;
	*to++ = value >> 8 & 0xff;
	return to;
}

static void refuse(unsigned char code, unsigned char *answer, unsigned int *length) {
	answer[0] = code;
	answer[1] = DCMI;
	*length = 2;
}

static void power(lmc_data_t *mc, msg_t *msg, unsigned char *answer, unsigned int *length, void *data) {
	unsigned int watts = 0, least = 0, most = 0, average = 0, active = 0;
	unsigned char *to = answer;
	FILE *file;

	(void)mc, (void)data;
	if (msg->cmd != GET_POWER_READING)
		return refuse(INVALID_COMMAND, answer, length);
	if (msg->len < 4)
		return refuse(TOO_SHORT, answer, length);
	if (msg->data[1] != SYSTEM_POWER)
		return refuse(PARAMETER_OUT_OF_RANGE, answer, length);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%u %u %u %u %u", &watts, &least, &most, &average, &active) != 5)
			active = 0;
		fclose(file);
	}
	*to++ = 0;
	*to++ = DCMI;
	to = put16(put16(put16(put16(to, watts), least), most), average);
	to = put16(put16(to, 0), 0x6000);	/* time stamp */
	to = put16(put16(to, 1000), 0);		/* reporting period in milliseconds */
	*to++ = active ? 0x40 : 0;
	*length = to - answer;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options) {
	(void)sys, (void)options;
	return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, const char *options) {
	(void)sys;
	if (!options || strlen(options) >= sizeof(path))
		return 22;
	strcpy(path, options);
	ipmi_emu_register_group_extension_handler(DCMI, power, NULL);
	return 0;
}

int ipmi_sim_module_post_init(sys_data_t *sys) {
	(void)sys;
	return 0;
}
