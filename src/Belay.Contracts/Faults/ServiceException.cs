namespace Belay.Contracts.Faults;

/// <summary>
/// A request that cannot be served. It is turned into a response in one place: an HTTP error before a stream has begun, an
/// exception frame after. <see cref="Exception.Message"/> goes to the caller; the inner exception only to the log.
/// </summary>
public sealed class ServiceException : Exception
{
    /// <summary>Creates a fault of the given code.</summary>
    public ServiceException(FaultCode code, string message, Exception? cause = null)
        : base(message, cause) => Code = code;

    private ServiceException(string message, ValidationReason reason, IReadOnlyList<FieldProblem> fields, Exception? cause = null)
        : base(message, cause)
    {
        Code = FaultCode.ValidationException;
        Reason = reason;
        Fields = fields;
    }

    /// <summary>What kind of fault this is.</summary>
    public FaultCode Code { get; }

    /// <summary>Why validation failed; null for every other fault.</summary>
    public ValidationReason? Reason { get; }

    /// <summary>The fields that failed validation; empty for every other fault.</summary>
    public IReadOnlyList<FieldProblem> Fields { get; } = [];

    /// <summary>A validation fault without fields, for what is wrong with the request as a whole.</summary>
    public static ServiceException Invalid(ValidationReason reason, string message, Exception? cause = null) => new(message, reason, [], cause);

    /// <summary>A validation fault that names every field at once. The message begins with the count and repeats each problem,
    /// because some clients show nothing but the message.</summary>
    public static ServiceException Invalid(IReadOnlyList<FieldProblem> problems)
    {
        var count = problems.Count == 1 ? "1 validation error detected" : $"{problems.Count} validation errors detected";
        var text = string.Join("; ", problems.Select(problem => $"{problem.Name} {problem.Message}"));
        return new($"{count}: {text}", ValidationReason.FieldValidationFailed, problems);
    }
}
