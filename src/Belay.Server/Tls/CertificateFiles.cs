using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Belay.Server.Tls;

/// <summary>
/// The server's certificate, as the files say it now. A renewed certificate is noticed with the next connection, at most a second
/// late; files that cannot be used leave the certificate that works in place, and one line in the log. The content is compared, not its
/// time: certificates are often renewed by moving a link.
/// </summary>
public sealed partial class CertificateFiles
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private const int LargestFileBytes = 1024 * 1024;

    private readonly string _certificate;
    private readonly string? _key;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private byte[] _seen;
    private SslStreamCertificateContext _current;
    private long _looked;

    private CertificateFiles(string certificate, string? key, byte[] seen, SslStreamCertificateContext current, TimeProvider time, ILogger logger)
    {
        (_certificate, _key, _seen, _current, _time, _logger) = (certificate, key, seen, current, time, logger);
        _looked = time.GetTimestamp();
    }

    /// <summary>Reads the files for the first time.</summary>
    /// <param name="certificate">PEM file with the certificate, and after it those that signed it.</param>
    /// <param name="key">PEM file with the private key; null when the certificate's file has it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where changes are noted.</param>
    /// <exception cref="InvalidDataException">The files cannot be used; the message says why.</exception>
    public static CertificateFiles Open(string certificate, string? key, TimeProvider time, ILogger logger)
    {
        try
        {
            var (bytes, context) = Read(certificate, key);
            return new CertificateFiles(certificate, key, bytes, context, time, logger);
        }
        catch (Exception cause) when (IsOfTheFiles(cause))
        {
            throw new InvalidDataException($"The certificate {certificate} cannot be used: {Why(cause)}", cause);
        }
    }

    /// <summary>The certificate for a connection that begins now, with those that signed it.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_gate)
            {
                if (_time.GetElapsedTime(_looked) >= LookEvery)
                {
                    _looked = _time.GetTimestamp();
                    Look();
                }

                return _current;
            }
        }
    }

    private void Look()
    {
        byte[] bytes;
        try
        {
            bytes = Bytes(_certificate, _key);
        }
        catch (Exception cause) when (IsOfTheFiles(cause))
        {
            Keep([], cause);
            return;
        }

        if (bytes.AsSpan().SequenceEqual(_seen))
        {
            return;
        }

        try
        {
            (_seen, _current) = Read(_certificate, _key);
            Log.Renewed(_logger, _certificate, _current.TargetCertificate.NotAfter.ToUniversalTime());
        }
        catch (Exception cause) when (IsOfTheFiles(cause))
        {
            Keep(bytes, cause);
        }
    }

    // Told once for each content; files that are away are one content.
    private void Keep(byte[] seen, Exception cause)
    {
        if (!seen.AsSpan().SequenceEqual(_seen))
        {
            Log.Kept(_logger, _certificate, Why(cause));
        }

        _seen = seen;
    }

    private static (byte[] Bytes, SslStreamCertificateContext Context) Read(string certificate, string? key)
    {
        var bytes = Bytes(certificate, key);
        var pem = X509Certificate2.CreateFromPemFile(certificate, key);
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(certificate);
        var signers = new X509Certificate2Collection(all.Where(one => one.Thumbprint != pem.Thumbprint).ToArray());

        // Offline: a server does not ask the network who signed its certificate.
        return (bytes, SslStreamCertificateContext.Create(pem, signers, offline: true));
    }

    private static byte[] Bytes(string certificate, string? key) => [.. Bytes(certificate), .. key is null ? [] : Bytes(key)];

    private static byte[] Bytes(string path) => new FileInfo(path) is { Exists: true, Length: > LargestFileBytes }
        ? throw new InvalidDataException("the file is too large.")
        : File.ReadAllBytes(path);

    private static bool IsOfTheFiles(Exception cause) =>
        cause is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException or InvalidDataException;

    // What the library says of a key may quote it.
    private static string Why(Exception cause) => cause switch
    {
        FileNotFoundException or DirectoryNotFoundException => "a file does not exist.",
        UnauthorizedAccessException => "a file may not be read.",
        IOException => "a file cannot be read.",
        InvalidDataException => cause.Message,
        _ => "it is not a PEM certificate with its private key.",
    };

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "The certificate {Path} was renewed; it is valid until {NotAfter:u}.")]
        public static partial void Renewed(ILogger logger, string path, DateTime notAfter);

        [LoggerMessage(LogLevel.Warning, "The certificate {Path} was changed and cannot be used: {Why} The one before stays in use.")]
        public static partial void Kept(ILogger logger, string path, string why);
    }
}
