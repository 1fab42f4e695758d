/* What a browser calls itself, for people. */
#ifndef ACCEL_ENGINES_BROWSER_USER_AGENT_H
#define ACCEL_ENGINES_BROWSER_USER_AGENT_H

enum { USER_AGENT_TITLE_BYTES = 64 };

/* "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) … Version/18.1 Safari/604.1" → "Safari 18.1 (iPhone)"; one that names no browser that is
 * known stays as it is, cut to the room. */
void user_agent_title(const char *user_agent, char out[USER_AGENT_TITLE_BYTES]);

#endif
