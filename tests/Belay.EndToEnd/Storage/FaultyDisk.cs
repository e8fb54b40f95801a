using Belay.Testing.Processes;

namespace Belay.EndToEnd.Storage;

/// <summary>
/// A disk that fails when it is told to, for the database's files only: a small library that a server loads before libc, made with the
/// machine's C compiler. Which call fails is the name of a file that is there.
/// </summary>
internal sealed class FaultyDisk
{
    private const string Source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <limits.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/types.h>
        #include <unistd.h>

        static int fails(const char *what, int fd)
        {
            char path[PATH_MAX], link[64];
            const char *folder = getenv("DISK_FAULTS");
            if (!folder) return 0;
            snprintf(path, sizeof path, "%s/%s", folder, what);
            if (access(path, F_OK) != 0) return 0;
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            ssize_t length = readlink(link, path, sizeof path - 1);
            if (length < 0) return 0;
            path[length] = 0;
            return strstr(path, "belay.db") != 0;
        }

        #define FORWARD(name, type) static type real; if (!real) real = (type)dlsym(RTLD_NEXT, name)

        typedef int (*sync_call)(int);
        int fsync(int fd) { FORWARD("fsync", sync_call); if (fails("sync", fd)) { errno = EIO; return -1; } return real(fd); }
        int fdatasync(int fd) { FORWARD("fdatasync", sync_call); if (fails("sync", fd)) { errno = EIO; return -1; } return real(fd); }

        typedef ssize_t (*write_call)(int, const void *, size_t, off_t);
        static ssize_t torn(write_call real, int fd, const void *bytes, size_t count, off_t at)
        {
            if (fails("write", fd)) { errno = EIO; return -1; }
            if (fails("torn", fd)) { real(fd, bytes, count / 2, at); errno = EIO; return -1; }
            return real(fd, bytes, count, at);
        }
        ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { FORWARD("pwrite", write_call); return torn(real, fd, bytes, count, at); }
        ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { FORWARD("pwrite64", write_call); return torn(real, fd, bytes, count, at); }
        """;

    private readonly string _folder;

    private FaultyDisk(string folder) => _folder = folder;

    /// <summary>Variables of a server's environment.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string> { ["LD_PRELOAD"] = Library, ["DISK_FAULTS"] = _folder };

    private string Library => Path.Combine(_folder, "faults.so");

    /// <summary>Makes one in a folder; null where there is no C compiler.</summary>
    public static async Task<FaultyDisk?> MakeAsync(string folder, TimeSpan limit, CancellationToken cancellationToken)
    {
        var disk = new FaultyDisk(folder);
        var source = Path.Combine(folder, "faults.c");
        await File.WriteAllTextAsync(source, Source, cancellationToken);
        var made = await ProgramRun.TryAsync(new("cc", ["-shared", "-fPIC", "-O1", "-o", disk.Library, source, "-ldl"]), limit, cancellationToken);
        return made is null ? null : made.ExitCode == 0 ? disk : throw new InvalidOperationException(made.Error);
    }

    /// <summary>From now on a call fails: <c>sync</c>, <c>write</c>, or <c>torn</c>, which writes half of what it is given before.</summary>
    public void Fail(string call) => File.WriteAllText(Path.Combine(_folder, call), "");

    /// <summary>The call works again.</summary>
    public void Mend(string call) => File.Delete(Path.Combine(_folder, call));
}
