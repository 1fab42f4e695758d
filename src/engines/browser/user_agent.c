#include "engines/browser/user_agent.h"

#include <string.h>

#include "base/str.h"

typedef struct word {
    const char *mark, *title;
} word;

/* Browsers name those that they want to be taken for, too: the most particular come first. */
static const word browsers[] = {
    {"Edg/", "Edge"},
    {"EdgA/", "Edge"},
    {"EdgiOS/", "Edge"},
    {"OPR/", "Opera"},
    {"SamsungBrowser/", "Samsung Internet"},
    {"FxiOS/", "Firefox"},
    {"Firefox/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"HeadlessChrome/", "Chrome"},
    {"Chrome/", "Chrome"},
    {"Version/", "Safari"},
};
static const word systems[] = {
    {"iPhone", "iPhone"},   {"iPad", "iPad"},     {"Android", "Android"}, {"Windows", "Windows"},
    {"Macintosh", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
};

void user_agent_title(const char *user_agent, char out[USER_AGENT_TITLE_BYTES]) {
    const char *version = NULL, *system = NULL, *browser = NULL;
    for (size_t i = 0; i < sizeof browsers / sizeof *browsers && version == NULL; i++) {
        version = strstr(user_agent, browsers[i].mark);
        browser = browsers[i].title;
        version = version != NULL ? version + strlen(browsers[i].mark) : NULL;
    }
    for (size_t i = 0; i < sizeof systems / sizeof *systems && system == NULL; i++)
        system = strstr(user_agent, systems[i].mark) != NULL ? systems[i].title : NULL;
    if (version == NULL)
        str_format(out, USER_AGENT_TITLE_BYTES, "%s", user_agent);
    else
        str_format(out, USER_AGENT_TITLE_BYTES, "%s %.*s%s%s%s", browser, (int)strspn(version, "0123456789."),
                   version, system != NULL ? " (" : "", system != NULL ? system : "",
                   system != NULL ? ")" : "");
}
