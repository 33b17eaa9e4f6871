/* A FastCGI program: initialised once, then a loop that serves one request after the other. Postern starts it with its
 * listening socket as fd 0, which is all that libfcgi needs. */
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    long requests = 0;

    while (FCGI_Accept() >= 0) {
        const char *path = getenv("PATH_INFO");

        printf("Content-Type: text/plain; charset=utf-8\r\n\r\n");
        printf("Request %ld of process %d.\n", ++requests, (int)getpid());
        printf("You asked for %s.\n", path && *path ? path : "nothing in particular");
    }
    return 0;
}
