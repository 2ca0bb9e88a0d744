/* A stand-in for NVIDIA's libnvidia-ml.so.1, to test the real nvidia-ml-py with no card.
 *
 * NVML_STANDIN names a text file of KEY=VALUE lines that is read anew at every call, so a test changes the "machine" by
 * replacing the file. Sizes are MiB, power milliwatts; a number is decimal or 0x….
 *
 *   init=9                what nvmlInit returns (9 driver not loaded, 18 version mismatch)
 *   count=2               cards
 *   hang=1                every call about a card blocks until the line is gone, as a wedged driver does
 *   gpu0.name= gpu0.uuid= gpu0.total= gpu0.used= gpu0.reserved= gpu0.util= gpu0.temp= gpu0.power= gpu0.limit=
 *   gpu0.throttle=0x44    bits of the clock event reasons (0x4 power cap, 0x20 and 0x40 heat, 0x80 power brake)
 *   gpu0.procs=4711:800,4712:NA   pid:MiB of who computes on it, NA where the driver does not say; gpu0.drawing= alike
 *   gpu0.mig=2            MIG is on with that many slices: gpu0.mig0.name= gpu0.mig0.total= and so on
 *   gpu0.err.MemoryInfo_v2=3    what that call returns (3 not supported, 15 GPU is lost)
 *
 * Entry points that are not here look to nvidia-ml-py like a driver too old to have them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };
enum { MAX_CARDS = 16, MAX_SLICES = 8 };

/* `slice` is -1 for a whole card. */
typedef struct card { int index, slice; } Card;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version, sensor; int celsius; } Temperature;

/* By this symbol Pilothouse knows that the card is not real, and says so. */
const int pilothouse_standin = 1;

static Card cards[MAX_CARDS];
static Card slices[MAX_CARDS][MAX_SLICES];
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

static void name_key(const Card *card, const char *field, char *key, size_t size) {
    if (card->slice < 0) snprintf(key, size, "gpu%d.%s", card->index, field);
    else snprintf(key, size, "gpu%d.mig%d.%s", card->index, card->slice, field);
}

static long long of_card(const Card *card, const char *field, long long fallback) {
    char key[96];
    name_key(card, field, key, sizeof key);
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
    name_key(card, field, key, sizeof key);
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
    card->slice = -1;
    ENTER("HandleByIndex");
    *out = card;
    return OK;
}

int nvmlDeviceGetMigMode(Card *card, unsigned *current, unsigned *pending) {
    ENTER("MigMode");
    long long count = of_card(card, "mig", -1);
    *current = *pending = count > 0;
    return count < 0 ? UNSUPPORTED : OK;
}

int nvmlDeviceGetMaxMigDeviceCount(Card *card, unsigned *count) {
    ENTER("MaxMigDeviceCount");
    *count = MAX_SLICES;
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Card *card, unsigned index, Card **out) {
    ENTER("MigDeviceHandleByIndex");
    if (index >= MAX_SLICES || index >= (unsigned)of_card(card, "mig", 0)) return NOT_FOUND;
    Card *slice = &slices[card->index][index];
    slice->index = card->index;
    slice->slice = (int)index;
    *out = slice;
    return OK;
}

int nvmlDeviceGetName(Card *card, char *out, unsigned size) {
    ENTER("Name");
    return give_text(card, "name", "NVIDIA Stand-in", out, size);
}

int nvmlDeviceGetUUID(Card *card, char *out, unsigned size) {
    char fallback[64];
    ENTER("UUID");
    const char *kind = card->slice < 0 ? "GPU" : "MIG";
    snprintf(fallback, sizeof fallback, "%s-00000000-0000-0000-%04d-%012d", kind, card->slice + 1, card->index);
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

/* The newer name and the older one of the same call: a test fails the first to reach the second. */
int nvmlDeviceGetCurrentClocksEventReasons(Card *card, unsigned long long *reasons) {
    ENTER("CurrentClocksEventReasons");
    *reasons = (unsigned long long)of_card(card, "throttle", 0);
    return OK;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(Card *card, unsigned long long *reasons) {
    ENTER("CurrentClocksThrottleReasons");
    *reasons = (unsigned long long)of_card(card, "throttle", 0);
    return OK;
}

/* As NVML does it: too small says how many there are, and the second call has room for them. */
static int give_processes(const Card *card, const char *field, unsigned *count, Process *out) {
    char key[96], line[256], *next = NULL;
    unsigned room = *count, have = 0;
    name_key(card, field, key, sizeof key);
    char *list = strdup(text(key, "", line, sizeof line));
    for (char *word = strtok_r(list, ",", &next); word; word = strtok_r(NULL, ",", &next), have++) {
        char *size = strchr(word, ':');
        if (!size || !out || have >= room) continue;
        unsigned long long mib = strtoull(size + 1, NULL, 10);
        out[have] = (Process){(unsigned)strtoul(word, NULL, 10), strcmp(size, ":NA") ? mib << 20 : ~0ULL, ~0U, ~0U};
    }
    free(list);
    *count = have;
    return have && (!out || room < have) ? TOO_SMALL : OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Card *card, unsigned *count, Process *out) {
    ENTER("ComputeRunningProcesses_v3");
    return give_processes(card, "procs", count, out);
}

int nvmlDeviceGetComputeRunningProcesses_v2(Card *card, unsigned *count, Process *out) {
    ENTER("ComputeRunningProcesses_v2");
    return give_processes(card, "procs", count, out);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(Card *card, unsigned *count, Process *out) {
    ENTER("GraphicsRunningProcesses_v3");
    return give_processes(card, "drawing", count, out);
}
