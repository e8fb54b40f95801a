using System.Security.Cryptography;
using System.Text.Json;
using Belay.Contracts.Identity;
using Belay.Storage;

namespace Belay.Identity;

/// <summary>
/// Secrets that somebody else keeps: environment variables and files that the operator names, for the operator's own account only.
/// They are read whenever they are needed, so that a file that changes is seen at once.
/// </summary>
/// <param name="settings">What may be read.</param>
/// <param name="account">The operator's account.</param>
public sealed class ExternalSecrets(ExternalSecretSettings settings, string account)
{
    private const string EnvironmentKind = "environment/";
    private const string FileKind = "file/";
    private const int MaxBytes = 256 * 1024;

    /// <summary>Why an account may not name a secret; null when it may.</summary>
    public string? Problem(Scope scope, string secretId) => secretId switch
    {
        _ when !secretId.StartsWith(EnvironmentKind, StringComparison.Ordinal) && !secretId.StartsWith(FileKind, StringComparison.Ordinal) =>
            "must be environment/NAME or file/NAME: this server knows no other place of secrets",
        _ when scope.Account != account => "cannot be used: only the account that the server was started with may name secrets of the server's environment",
        _ when Name(secretId, EnvironmentKind) is { } variable && !settings.VariableNames.Contains(variable, StringComparer.Ordinal) =>
            "names an environment variable that the operator does not allow (Identity:SecretVariables)",
        _ when Name(secretId, FileKind) is not null && settings.Directory is null => "names a file, and the operator allows no files (Identity:SecretDirectory)",
        _ when Name(secretId, FileKind) is { } file && !IsFileName(file) => "must name a file by letters, digits, dots, - and _, without a directory",
        _ => null,
    };

    /// <summary>A secret's text.</summary>
    /// <exception cref="InvalidDataException">It cannot be read; the message says why, in words that hold nothing of it.</exception>
    public async ValueTask<string> ReadAsync(Scope scope, SecretReference reference, CancellationToken cancellationToken)
    {
        // The operator's mind may have changed since the reference was made.
        if (Problem(scope, reference.SecretId) is { } problem)
        {
            throw new InvalidDataException(problem);
        }

        var content = Name(reference.SecretId, EnvironmentKind) is { } variable
            ? settings.Variables.GetValueOrDefault(variable) ?? throw new InvalidDataException("names an environment variable that the server does not have")
            : await ReadFileAsync(reference.SecretId[FileKind.Length..], cancellationToken);
        return Member(content, reference.JsonKey) is { Length: > 0 } value
            ? value
            : throw new InvalidDataException("must hold a JSON object whose member jsonKey is a text that is not empty");
    }

    private async ValueTask<string> ReadFileAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = new FileStream(Path.Combine(settings.Directory!, name), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete); // Problem() has seen a directory.
            if (file.Length > MaxBytes)
            {
                throw new InvalidDataException($"names a file of more than {MaxBytes} bytes");
            }

            // As long as the file and no longer: this is read before each model call.
            var bytes = new byte[file.Length];
            var count = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
            var text = System.Text.Encoding.UTF8.GetString(bytes, 0, count);
            CryptographicOperations.ZeroMemory(bytes);
            return text;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InvalidDataException("names a file that the server cannot read", problem);
        }
    }

    private static string? Member(string content, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String
                    ? member.GetString()
                    : null;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            // The parser's words may repeat what it read.
            return null;
        }
    }

    private static string? Name(string secretId, string kind) => secretId.StartsWith(kind, StringComparison.Ordinal) ? secretId[kind.Length..] : null;

    private static bool IsFileName(string name) =>
        name.Trim('.').Length > 0 && name.Length <= 255 && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_');
}
