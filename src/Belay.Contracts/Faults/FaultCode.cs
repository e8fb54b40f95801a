using System.Text.Json.Serialization;

namespace Belay.Contracts.Faults;

/// <summary>The closed set of faults that a request can end with. Each has one name and one HTTP status on the wire.</summary>
[JsonConverter(typeof(WireEnumConverter<FaultCode>))]
public enum FaultCode
{
    /// <summary>400: malformed or out-of-range input.</summary>
    ValidationException,

    /// <summary>401: missing or bad bearer token.</summary>
    UnauthorizedException,

    /// <summary>402: a quota is reached.</summary>
    ServiceQuotaExceededException,

    /// <summary>403: the signature or a policy refuses.</summary>
    AccessDeniedException,

    /// <summary>404: no such resource.</summary>
    ResourceNotFoundException,

    /// <summary>404: no operation has this method and path.</summary>
    UnknownOperationException,

    /// <summary>409: state or name conflict.</summary>
    ConflictException,

    /// <summary>409: the session changes state; trying again helps.</summary>
    RetryableConflictException,

    /// <summary>424: the agent loop, its model or its sandbox failed.</summary>
    RuntimeClientError,

    /// <summary>429: request rate.</summary>
    ThrottlingException,

    /// <summary>500: our fault.</summary>
    InternalServerException,
}

/// <summary>Why a request failed validation.</summary>
public enum ValidationReason
{
    /// <summary>The body is not what the protocol says: no JSON object, too large, too deep.</summary>
    CannotParse,

    /// <summary>One or more fields break their rules.</summary>
    FieldValidationFailed,

    /// <summary>The client token was used before with other parameters.</summary>
    IdempotentParameterMismatchException,

    /// <summary>An event belongs to another session.</summary>
    EventInOtherSession,

    /// <summary>The resource is in a state that does not allow the request.</summary>
    ResourceConflict,
}
