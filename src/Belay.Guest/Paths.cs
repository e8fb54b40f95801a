using Belay.Guest.Protocol;

namespace Belay.Guest;

/// <summary>Paths as the host writes them, resolved inside: relative ones start at the workspace. The sandbox is the wall, not this.</summary>
internal sealed class Paths(string workspace)
{
    public string Workspace { get; } = workspace;

    /// <summary>An absolute path. Where the workspace lies elsewhere, its usual name means the same.</summary>
    public string Resolve(string path)
    {
        if (path.Length is 0 or > GuestProtocol.MaxPath || path.Contains('\0'))
        {
            throw new ProtocolException("a path must have 1 to 4,096 characters and no NUL");
        }

        if (path[0] != '/')
        {
            return Path.Join(Workspace, path);
        }

        var under = Workspace != GuestProtocol.Workspace &&
            (path == GuestProtocol.Workspace || path.StartsWith(GuestProtocol.Workspace + "/", StringComparison.Ordinal));
        return under ? Workspace + path[GuestProtocol.Workspace.Length..] : path;
    }

    /// <summary>Opens a file to send it; null when the stream has ended with an error.</summary>
    public Download? Read(Channel channel, uint stream, string path, long limit)
    {
        var resolved = Resolve(path);
        // Not waiting for a writer, should it be a pipe.
        var file = Native.open(resolved, Native.ReadOnly | Native.NonBlocking | Native.CloseOnExec, 0);
        if (file < 0)
        {
            Fail(channel, stream, Native.LastError);
            return null;
        }

        if (!Native.TryStat(resolved, follow: true, out var state) || !state.IsRegular)
        {
            Native.close(file);
            channel.Fail(
                stream,
                state.IsDirectory ? GuestError.IsDirectory : GuestError.NotRegular,
                state.IsDirectory ? "it is a directory" : "it is not a regular file");
            return null;
        }

        if (state.Size > limit)
        {
            Native.close(file);
            channel.Fail(stream, GuestError.TooLarge, $"it has {state.Size} bytes; at most {limit} are read");
            return null;
        }

        return new Download(stream, file, default, limit);
    }

    /// <summary>Opens a file to be replaced, making the directories above it; null when the stream has ended with an error.</summary>
    public Upload? Write(Channel channel, uint stream, string path)
    {
        var resolved = Resolve(path);
        if (resolved.EndsWith('/') || (Native.TryStat(resolved, follow: true, out var state) && state.IsDirectory))
        {
            channel.Fail(stream, GuestError.IsDirectory, "it is a directory");
            return null;
        }

        if (state.Mode != 0 && !state.IsRegular)
        {
            channel.Fail(stream, GuestError.NotRegular, "it is not a regular file");
            return null;
        }

        // A link stays a link: what it points to is replaced.
        if (Native.TryStat(resolved, follow: false, out var self) && self.IsLink && new FileInfo(resolved).ResolveLinkTarget(true) is { } target)
        {
            resolved = target.FullName;
        }

        var slash = resolved.LastIndexOf('/');
        if (slash > 0 && MakeDirectories(resolved[..slash]) is var error and not 0)
        {
            Fail(channel, stream, error);
            return null;
        }

        var temporary = $"{resolved[..(slash + 1)]}.belay-{Native.RandomName()}";
        var file = Native.open(temporary, Native.WriteOnly | Native.Create | Native.Exclusive | Native.CloseOnExec, 0x180);
        if (file < 0)
        {
            Fail(channel, stream, Native.LastError);
            return null;
        }

        return new Upload(stream, file, temporary, resolved);
    }

    /// <summary>Describes a path: kind, size, whether names were left out, and the names; null when the stream has ended with an error.</summary>
    public Download? List(Channel channel, uint stream, string path)
    {
        var resolved = Resolve(path);
        if (!Native.TryStat(resolved, follow: true, out var state))
        {
            Fail(channel, stream, Native.LastError);
            return null;
        }

        var names = new List<string>();
        var truncated = false;
        if (state.IsDirectory)
        {
            try
            {
                foreach (var entry in new DirectoryInfo(resolved).EnumerateFileSystemInfos())
                {
                    if (names.Count == GuestProtocol.MaxNames)
                    {
                        truncated = true;
                        break;
                    }

                    names.Add(entry.Attributes.HasFlag(FileAttributes.Directory) ? entry.Name + "/" : entry.Name);
                }
            }
            catch (UnauthorizedAccessException)
            {
                Fail(channel, stream, Native.EACCES);
                return null;
            }
            catch (IOException)
            {
                channel.Fail(stream, GuestError.Failed, "it changed while it was read");
                return null;
            }
        }

        names.Sort(StringComparer.Ordinal);
        var listing = new PayloadWriter().Int32(state.IsDirectory ? 1 : 0).Int64(state.Size).Int32(truncated ? 1 : 0).Strings(names).Written;
        return new Download(stream, -1, listing, long.MaxValue);
    }

    public void Remove(Channel channel, uint stream, string path)
    {
        var error = RemoveTree(Resolve(path), depth: 0);
        if (error == 0)
        {
            channel.Send(Opcode.Done, stream, new PayloadWriter().Int64(0));
        }
        else
        {
            Fail(channel, stream, error);
        }
    }

    /// <summary>Ends a stream with an error of the system, in words.</summary>
    public static void Fail(Channel channel, uint stream, int error)
    {
        var (code, text) = error switch
        {
            Native.ENOENT => (GuestError.NotFound, "no such file or directory"),
            Native.EACCES or Native.EPERM => (GuestError.PermissionDenied, "permission denied"),
            Native.EROFS => (GuestError.PermissionDenied, "the file system is read-only there"),
            Native.EISDIR => (GuestError.IsDirectory, "it is a directory"),
            Native.ENOTDIR or Native.EEXIST => (GuestError.NotDirectory, "a part of the path is not a directory"),
            Native.ENOSPC or Native.EDQUOT => (GuestError.NoSpace, "no space is left"),
            Native.ELOOP => (GuestError.BadRequest, "too many symbolic links"),
            Native.ENAMETOOLONG => (GuestError.BadRequest, "a name in the path is too long"),
            Native.E2BIG => (GuestError.BadRequest, "the arguments are too long"),
            _ => (GuestError.Failed, Native.Describe(error)),
        };
        channel.Fail(stream, code, text);
    }

    private static int MakeDirectories(string directory)
    {
        if (Native.TryStat(directory, follow: true, out var state))
        {
            return state.IsDirectory ? 0 : Native.ENOTDIR;
        }

        if (Native.LastError != Native.ENOENT)
        {
            return Native.LastError;
        }

        var slash = directory.TrimEnd('/').LastIndexOf('/');
        var error = slash > 0 ? MakeDirectories(directory[..slash]) : 0;
        if (error != 0)
        {
            return error;
        }

        return Native.mkdir(directory, 0x1ED) == 0 || Native.LastError == Native.EEXIST ? 0 : Native.LastError;
    }

    private static int RemoveTree(string path, int depth)
    {
        if (!Native.TryStat(path, follow: false, out var state))
        {
            return Native.LastError;
        }

        if (!state.IsDirectory)
        {
            return Native.unlink(path) == 0 ? 0 : Native.LastError;
        }

        if (depth > 512)
        {
            return Native.ENAMETOOLONG;
        }

        string[] inside;
        try
        {
            inside = Directory.GetFileSystemEntries(path);
        }
        catch (UnauthorizedAccessException)
        {
            return Native.EACCES;
        }
        catch (IOException)
        {
            return Native.ENOENT;
        }

        foreach (var entry in inside)
        {
            var error = RemoveTree(entry, depth + 1);
            if (error != 0)
            {
                return error;
            }
        }

        return Native.rmdir(path) == 0 ? 0 : Native.LastError;
    }
}
