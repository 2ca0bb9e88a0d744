/* A stand-in for NVIDIA's libnvidia-ml.so.1, to test the real nvidia-ml-py with no card.
 *
 * NVML_STANDIN names a text file of KEY=VALUE lines that is read anew at every call, so a test changes the "machine" by
 * replacing the file. Sizes are MiB, power milliwatts; a number is decimal or 0x….
 *
 *   init=9                what nvmlInit returns (9 driver not loaded, 18 version mismatch)
 *   count=2               cards
 *   hang=1                every call about a card blocks until the line is gone, as a wedged driver does
 *   gpu0.name= gpu0.uuid= gpu0.total= gpu0.used= gpu0.reserved= gpu0.util= gpu0.temp= gpu0.power= gpu0.limit=
 *   gpu0.err.MemoryInfo_v2=3    what that call returns (3 not supported, 15 GPU is lost)
 *
 * Entry points that are not here look to nvidia-ml-py like a driver too old to have them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, TOO_SMALL = 7, MAX_CARDS = 16 };

typedef struct card { int index; } Card;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version, sensor; int celsius; } Temperature;

/* By this symbol Pilothouse knows that the card is not real, and says so. */
const int pilothouse_standin = 1;

static Card cards[MAX_CARDS];
static int opened;

/* The value of `key` in the state file, or `fallback`. */
static const char *text(const char *key, const char *fallback, char *line, size_t size) {
    const char *path = getenv("NVML_STANDIN");
    FILE *file = path ? fopen(path, "r") : NULL;
    const char *found = fallback;
    size_t length = strlen(key);
    while (file && fgets(line, (int)size, file)) {
        if (!strncmp(line, key, length) && line[length] == '=') {
            line[strcspn(line, "\r\n")] = 0;
            found = line + length + 1;
            break;
        }
    }
    if (file) fclose(file);
    return found;
}

static long long number(const char *key, long long fallback) {
    char line[256];
    const char *found = text(key, NULL, line, sizeof line);
    return found ? strtoll(found, NULL, 0) : fallback;
}

static long long of_card(const Card *card, const char *field, long long fallback) {
    char key[96];
    snprintf(key, sizeof key, "gpu%d.%s", card->index, field);
    return number(key, fallback);
}

/* Before every call about a card: hang, or fail, as the state file asks. */
static int enter(const Card *card, const char *call) {
    char field[80];
    while (number("hang", 0)) usleep(1000);
    snprintf(field, sizeof field, "err.%s", call);
    return opened ? (int)of_card(card, field, OK) : UNINITIALIZED;
}
#define ENTER(call) do { int code = enter(card, call); if (code) return code; } while (0)

static int give_text(const Card *card, const char *field, const char *fallback, char *out, unsigned size) {
    char key[96], line[256];
    snprintf(key, sizeof key, "gpu%d.%s", card->index, field);
    const char *found = text(key, fallback, line, sizeof line);
    if (strlen(found) + 1 > size) return TOO_SMALL;
    strcpy(out, found);
    return OK;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    int code = (int)number("init", OK);
    if (code == OK) opened++;
    return code;
}

int nvmlShutdown(void) { return opened ? (opened--, OK) : UNINITIALIZED; }

const char *nvmlErrorString(int code) { (void)code; return "an error of the stand-in"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = (unsigned)number("count", 1);
    return opened ? OK : UNINITIALIZED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Card **out) {
    if (index >= MAX_CARDS || index >= (unsigned)number("count", 1)) return INVALID;
    Card *card = &cards[index];
    card->index = (int)index;
    ENTER("HandleByIndex");
    *out = card;
    return OK;
}

int nvmlDeviceGetName(Card *card, char *out, unsigned size) {
    ENTER("Name");
    return give_text(card, "name", "NVIDIA Stand-in", out, size);
}

int nvmlDeviceGetUUID(Card *card, char *out, unsigned size) {
    char fallback[64];
    ENTER("UUID");
    snprintf(fallback, sizeof fallback, "GPU-00000000-0000-0000-0000-%012d", card->index);
    return give_text(card, "uuid", fallback, out, size);
}

/* In version 1 `used` holds the driver's reserved share too; `free` is the same in both. */
int nvmlDeviceGetMemoryInfo_v2(Card *card, MemoryV2 *memory) {
    ENTER("MemoryInfo_v2");
    memory->total = (unsigned long long)of_card(card, "total", 24576) << 20;
    memory->used = (unsigned long long)of_card(card, "used", 1000) << 20;
    memory->reserved = (unsigned long long)of_card(card, "reserved", 400) << 20;
    memory->free = memory->total - memory->used - memory->reserved;
    return OK;
}

int nvmlDeviceGetMemoryInfo(Card *card, Memory *memory) {
    ENTER("MemoryInfo");
    memory->total = (unsigned long long)of_card(card, "total", 24576) << 20;
    memory->used = (unsigned long long)(of_card(card, "used", 1000) + of_card(card, "reserved", 400)) << 20;
    memory->free = memory->total - memory->used;
    return OK;
}

int nvmlDeviceGetUtilizationRates(Card *card, Utilization *rates) {
    ENTER("UtilizationRates");
    rates->gpu = (unsigned)of_card(card, "util", 0);
    rates->memory = 0;
    return OK;
}

int nvmlDeviceGetTemperatureV(Card *card, Temperature *temperature) {
    ENTER("TemperatureV");
    temperature->celsius = (int)of_card(card, "temp", 40);
    return OK;
}

int nvmlDeviceGetTemperature(Card *card, unsigned sensor, unsigned *celsius) {
    (void)sensor;
    ENTER("Temperature");
    *celsius = (unsigned)of_card(card, "temp", 40);
    return OK;
}

int nvmlDeviceGetPowerUsage(Card *card, unsigned *milliwatts) {
    ENTER("PowerUsage");
    *milliwatts = (unsigned)of_card(card, "power", 30000);
    return OK;
}

int nvmlDeviceGetEnforcedPowerLimit(Card *card, unsigned *milliwatts) {
    ENTER("EnforcedPowerLimit");
    *milliwatts = (unsigned)of_card(card, "limit", 450000);
    return OK;
}
