using System.Security.Cryptography;
using Belay.Contracts.Faults;
using Belay.Server.Auth;
using Belay.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Server.Wire;

/// <summary>How an operation takes a body that is too large for memory: as a file without a name, which is gone with the request, or with the process.</summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="MaxBytes">Largest body.</param>
/// <param name="MediaType">The only content type that it has.</param>
public sealed record RequestFile(string Folder, long MaxBytes, string MediaType)
{
    /// <summary>Name of the setting that says how large it may be; null when none does.</summary>
    public string? Setting { get; init; }

    /// <summary>Writes a request's body to a file. Only whoever is known before the body may fill the disk.</summary>
    internal async Task<(FileStream File, string Hash)> ReadAsync(HttpRequest request, bool verified, CancellationToken cancellationToken)
    {
        if (!verified)
        {
            throw SigV4Verifier.Denied("A body of this size must be signed with its hash in x-amz-content-sha256.");
        }

        if (request.ContentType != MediaType)
        {
            throw ServiceException.Invalid(ValidationReason.CannotParse, $"The request body must have the content type {MediaType}.");
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (request.ContentLength > MaxBytes)
        {
            throw TooLarge();
        }

        FileStream? file = null;
        try
        {
            file = Open(Folder);
            return (file, await CopyAsync(request.Body, file, cancellationToken));
        }
        catch (Exception problem)
        {
            if (file is not null)
            {
                await file.DisposeAsync();
            }

            // What the connection does has types of its own.
            throw problem.GetType() == typeof(IOException) || problem is UnauthorizedAccessException
                ? new StorageException("The body of a request could not be written to the data directory.", problem)
                : problem;
        }
    }

    /// <summary>Makes a file that has no name.</summary>
    /// <param name="folder">Where it lies.</param>
    internal static FileStream Open(string folder)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            Options = FileOptions.Asynchronous | FileOptions.DeleteOnClose,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var path = Path.Combine(folder, $"request.{RandomNumberGenerator.GetHexString(16)}");
        var file = new FileStream(path, options);
        File.Delete(path);
        return file;
    }

    private async Task<string> CopyAsync(Stream body, FileStream file, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 * 1024];
        while (await body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (file.Length + read > MaxBytes)
            {
                throw TooLarge();
            }

            hash.AppendData(buffer, 0, read);
            await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }

        file.Position = 0;
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private ServiceException TooLarge() =>
        ServiceException.Invalid(ValidationReason.CannotParse, $"The request body is larger than {MaxBytes} bytes{(Setting is null ? "" : $" ({Setting})")}.");
}
